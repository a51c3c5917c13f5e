#!/bin/sh
# No access log: its lines would hold query strings, and with them keys. API Gateway dates answers.
exec python -m uvicorn --port="$PORT" --log-level warning --no-access-log \
	--no-server-header --no-date-header app:app
