from dialects.dataframer.conftest import Api


async def test_smoke(api: Api, working: None) -> None:
    assert await api.get("/health/") == {"status": "healthy"}
