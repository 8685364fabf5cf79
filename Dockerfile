# `inkdigits serve` in a container: docker build -t inkdigits . && docker run -p 127.0.0.1:8000:8000 inkdigits
FROM python:3.11-slim AS built
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY src src
RUN python -m venv /app \
 && /app/bin/pip install --no-cache-dir -c constraints.txt '.[serve,files]'

FROM python:3.11-slim
COPY --from=built /app /app
RUN useradd --system --uid 1000 inkdigits
USER 1000
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["/app/bin/python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
ENTRYPOINT ["/app/bin/inkdigits", "serve", "--host", "0.0.0.0"]
