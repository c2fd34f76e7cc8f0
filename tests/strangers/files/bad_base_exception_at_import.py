# expect: 2
# A BaseException while the file is imported, as asyncio.CancelledError is one.
import asyncio
raise asyncio.CancelledError("cancelled")
