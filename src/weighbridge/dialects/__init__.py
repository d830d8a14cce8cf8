"""Other people's APIs, and our own, spoken over our services.

The table of dialects: where each is mounted, and the function `build(services) -> FastAPI` that
makes it. Functions are named, not imported, so that what needs no web framework (our own wire
types, which the command line prints) does not load one by way of this package.
"""

DIALECTS: dict[str, str] = {
    "/api/v1": "weighbridge.dialects.native.routes:build",
    "/api/v3": "weighbridge.dialects.nugen.routes:build",
    "/api/dataframer": "weighbridge.dialects.dataframer.routes:build",
    "/api/users": "weighbridge.dialects.dataframer.routes:build_users",
    "/api/data-plane": "weighbridge.dialects.dataframer.routes:build_data_plane",
    "/v2": "weighbridge.dialects.aymara.routes:build",
    "/health": "weighbridge.dialects.aymara.routes:build_health",
    # Last of those below `/api`: it answers whatever is left there.
    "/api": "weighbridge.dialects.oxen.routes:build",
}
