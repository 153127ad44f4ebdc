#!/bin/bash -l
#PBS -N ensemble
#PBS -l select=10:ncpus=64:ngpus=4:system=polaris
#PBS -l place=scatter
#PBS -l walltime=2:30:00,filesystems=home:eagle
#PBS -A datascience
#PBS -q prod
#PBS -k doe

export MODEL=/eagle/datascience/model
cd "$PBS_O_WORKDIR" || exit
mpiexec -n 10 --ppn 1 python run.py
