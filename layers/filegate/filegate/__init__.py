"""Filegate: many tenants, one hidden Gemini API key, every byte of the File API accounted for.

Where things are:

* who may do what: `tenants`, `names`, `sessions`, `chunks`
* where bytes are counted: `ledger`, `records`, `quota`, `appointments`
* what a request means: `upload_requests`, `wire`, `multipart`, `uploads`, `files`, `pages`
* what talks to the outside: `adapters` (DynamoDB, the Gemini API, Secrets Manager)
* what knows Lambda events: `edge`
"""

__version__ = "0.1.0"
