# fairloop in a container, without root rights.
#   docker build -t fairloop .                                      # CPU
#   docker build -t fairloop:cuda --build-arg TORCH_BACKEND=cu128 . # NVIDIA GPUs: docker run --gpus all ...
#   docker run --rm -v "$PWD:/work" fairloop demo --out demo
FROM python:3.12.11-slim-bookworm AS build
ARG TORCH_BACKEND=cpu
RUN pip install --no-cache-dir uv==0.9.7 && uv venv /opt/fairloop
WORKDIR /source
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY src src
RUN uv pip install --no-cache --python /opt/fairloop/bin/python --torch-backend "$TORCH_BACKEND" \
      -c constraints.txt '.[estimators,boosting]'

FROM python:3.12.11-slim-bookworm
COPY --from=build /opt/fairloop /opt/fairloop
RUN useradd --create-home --uid 1000 fairloop && mkdir /work && chown fairloop /work
ENV PATH=/opt/fairloop/bin:$PATH
USER 1000
WORKDIR /work
ENTRYPOINT ["fairloop"]
CMD ["--help"]
