"""Models behind an address: an HTTP server with a page for people and JSON for programs.

It needs FastAPI and uvicorn: ``pip install "sentiment_rnn[serve]"``. `config` says what a server
takes and refuses, `batching` predicts the texts of many requests together, `limits` keeps requests
within bounds and `connections` those who send them, `app` answers, and `server` runs it all.
"""
