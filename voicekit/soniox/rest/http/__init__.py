"""HTTP beneath the REST client: requests, bodies, retries, uploads, files written whole or not at all."""
