# The page in a container:
#   docker build -t nanogauge .
#   docker run --rm -it --hostname localhost -p 127.0.0.1:8080:8080 -v "$PWD:/work" nanogauge
# It prints an address with a token to open in your browser. Results go into the folder you mounted. Measure without the page:
#   docker run --rm -v "$PWD:/work" nanogauge nanogauge measure image.tif -o results
FROM python:3.12-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN python -m venv /opt/nanogauge && /opt/nanogauge/bin/pip install --no-cache-dir ".[serve,formats]"

FROM python:3.12-slim
COPY --from=build /opt/nanogauge /opt/nanogauge
ENV PATH=/opt/nanogauge/bin:$PATH MPLCONFIGDIR=/tmp/matplotlib HOME=/tmp
RUN useradd --uid 1000 --create-home nanogauge && mkdir /work && chown nanogauge /work
USER nanogauge
WORKDIR /work
EXPOSE 8080
CMD ["nanogauge", "serve", "results", "--host", "0.0.0.0", "--port", "8080", "--no-browser"]
