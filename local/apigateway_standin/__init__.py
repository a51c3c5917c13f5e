"""A local stand-in for API Gateway (Regional REST API) and Lambda, driven by a SAM template.

Kept free of imports: every execution environment (`environment.py`) loads this package too, and a
function must start with nothing but what its own handler imports.
"""
