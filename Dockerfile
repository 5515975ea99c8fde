# gan-bench with all frameworks:
#   docker build --target cpu --tag gan-bench .
#   docker run --rm --volume "$PWD:/work" --user "$(id -u)" gan-bench run torch-dcgan
# With NVIDIA's GPUs: --target cuda, and docker run --gpus all. PyTorch and JAX bring their CUDA
# libraries; the machine needs NVIDIA's driver and container toolkit.
FROM python:3.11-slim AS base
ENV PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore HOME=/tmp USER=gan-bench
WORKDIR /source
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY harness harness
COPY implementations implementations

FROM base AS cuda
RUN python -m pip install --constraint constraints.txt '.[all,jax-cuda]'
WORKDIR /work
ENTRYPOINT ["gan-bench"]
CMD ["--help"]

FROM base AS cpu
# An index that has PyTorch's CPU builds, to save 4 GB: --build-arg PIP_EXTRA_INDEX_URL=...
ARG PIP_EXTRA_INDEX_URL
RUN python -m pip install --constraint constraints.txt '.[all]'
WORKDIR /work
ENTRYPOINT ["gan-bench"]
CMD ["--help"]
