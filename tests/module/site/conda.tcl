#%Module5.1
# Stands in for a conda module on a site with Environment Modules.
set name [module-info name]
set soft [string range [info script] 0 [string first /modulefiles-tcl/ [info script]]]
conflict conda cray-python
module load PrgEnv-gnu
module load gcc-native/14
setenv CC gcc-14
setenv CUDA_HOME ${soft}cuda
setenv PYTHONUSERBASE $env(HOME)/.local/polaris/$name
prepend-path PATH ${soft}applications/$name/mconda3/condabin
prepend-path LD_LIBRARY_PATH ${soft}cuda/lib64
