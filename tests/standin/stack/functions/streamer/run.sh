#!/bin/sh
exec python -m uvicorn --port="$PORT" --log-level warning app:app
