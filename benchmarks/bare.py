"""The baseline: the shortest aiohttp script that asks every case and writes JSON lines.

`python -m benchmarks.bare URL DATA.jsonl OUT.jsonl CONCURRENCY`
"""

import asyncio
import sys
from pathlib import Path

import aiohttp
import orjson


async def ask_all(url: str, data: str, out: str, concurrency: int) -> None:
    """Ask `concurrency` at a time; no retry, no resume, no score, no store."""
    with Path(data).open("rb") as source, Path(out).open("wb") as sink:
        cases = iter(source)
        connector = aiohttp.TCPConnector(limit=concurrency)
        async with aiohttp.ClientSession(connector=connector) as session:

            async def worker() -> None:
                for line in cases:
                    row = orjson.loads(line)
                    body = {
                        "model": "mock",
                        "messages": [{"role": "user", "content": f"Repeat: {row['question']}"}],
                    }
                    async with session.post(
                        f"{url}/chat/completions",
                        data=orjson.dumps(body),
                        headers={"Content-Type": "application/json"},
                    ) as response:
                        reply = orjson.loads(await response.read())
                    answer = reply["choices"][0]["message"]["content"]
                    sink.write(orjson.dumps({"id": row["id"], "answer": answer}) + b"\n")

            await asyncio.gather(*(worker() for _ in range(concurrency)))


if __name__ == "__main__":
    asyncio.run(ask_all(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
