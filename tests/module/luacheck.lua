std = "lua53"
max_line_length = false
read_globals = {
    "LmodError", "LmodMessage", "append_path", "conflict", "depends_on", "execute", "extensions", "help",
    "hide_version", "isAvail", "isloaded", "mode", "module_version", "myModuleFullName", "myModuleName", "myShellName", "pathJoin", "prepend_path", "pushenv",
    "setenv", "whatis",
}
