"""pytest plugin: the fixture `event_loop` that pytest-asyncio had before 1.0."""

import asyncio

import pytest_asyncio


@pytest_asyncio.fixture
async def event_loop():
    return asyncio.get_running_loop()
