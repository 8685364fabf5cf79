"""The HTTP service and its page: `inkdigits serve`.

Needs the extra `inkdigits[serve]`: Starlette, uvicorn, prometheus-client, python-multipart.
"""
