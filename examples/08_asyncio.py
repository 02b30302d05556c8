"""Answer many requests at once from asyncio, with two worker processes.

python examples/08_asyncio.py        # after 01_deploy.py; BUNDLE=... for another one
"""

import asyncio
import os

import roformer_edge

REQUESTS = ("把客厅的灯打开", "书房和卧室的窗帘都拉上", "明天北京天气怎么样", "现在几点")


async def answer(pool: roformer_edge.Pool, free: asyncio.Semaphore, text: str) -> str:
    """Ask a worker; the loop goes on with other requests meanwhile."""
    async with free:
        try:
            found = await asyncio.wrap_future(pool.submit(text))
        except roformer_edge.TextError as error:  # such as a text that is too long
            return f"{text[:20]} -> {error}"
    return f"{text} -> {found.label} ({found.score:.1%})"


async def main() -> None:
    with roformer_edge.Pool(os.environ.get("BUNDLE", "out/examples/intent"), workers=2) as pool:
        free = asyncio.Semaphore(64)  # so many wait at once; more wait here and take no memory there
        asked = [answer(pool, free, text) for text in (*REQUESTS * 25, "灯" * 5000)]
        answers = await asyncio.gather(*asked)
    print(*answers[-5:], f"{len(answers)} answers", sep="\n")


if __name__ == "__main__":
    asyncio.run(main())
