-- Stands in for a conda module as ALCF's: it does to a shell what that is known to do.
local soft = myFileName():match("^(.*)/modulefiles/conda/")
local conda = pathJoin(soft, "applications/conda", myModuleVersion(), "mconda3")
local functions = "conda __conda_activate __conda_reactivate"

family("python")
depends_on("PrgEnv-gnu")
depends_on("gcc-native/14")
depends_on("cray-hdf5-parallel/1.14.3.9")

setenv("CC", "gcc-14")
setenv("CUDA_HOME", pathJoin(soft, "cuda"))
setenv("MPICH_GPU_SUPPORT_ENABLED", "1")
setenv("https_proxy", "http://proxy.invalid:3128")
setenv("PYTHONUSERBASE", pathJoin(os.getenv("HOME"), ".local/polaris/conda", myModuleVersion()))
unsetenv("PYTHONSTARTUP")
prepend_path("LD_LIBRARY_PATH", pathJoin(soft, "cuda/lib64"))

-- Only bash takes this as a whole: zsh returns 1, fish refuses it, tcsh has no export.
execute {
    cmd = "source '" .. conda .. "/etc/profile.d/conda.sh'; "
        .. '[[ -n "${BASH_VERSION:-}" ]] && export -f ' .. functions,
    modeA = { "load" },
}
execute {
    cmd = 'while [ "${CONDA_SHLVL:-0}" -gt 0 ]; do conda deactivate; done; '
        .. "export PATH=$(echo \"$PATH\" | tr ':' '\\n' | grep -v '" .. conda .. "' | paste -sd:); "
        .. "export LD_LIBRARY_PATH=$(echo \"${LD_LIBRARY_PATH:-}\" | tr ':' '\\n'"
        .. " | grep -v '" .. conda .. "' | paste -sd:); "
        .. "unset -f " .. functions .. "; unset $(env | grep -o '^[^=]*CONDA[^=]*')",
    modeA = { "unload" },
}
