# shellcheck shell=bash
# Stands in for conda's start-up file. It is sourced; CONDA_STUB_PREFIX is replaced by the prefix.
export CONDA_EXE='CONDA_STUB_PREFIX/bin/conda' CONDA_SHLVL=0
PATH="CONDA_STUB_PREFIX/condabin:$PATH"

__conda_reactivate() {
  export PATH="$CONDA_PREFIX/bin:$PATH"
}

__conda_activate() {
  if [ "$1" = activate ]; then
    export CONDA_PREFIX='CONDA_STUB_PREFIX' CONDA_SHLVL=1
    __conda_reactivate
  else
    PATH=${PATH#"$CONDA_PREFIX/bin:"}
    export CONDA_SHLVL=0
    unset CONDA_PREFIX
  fi
}

conda() {
  __conda_activate "$@"
}
