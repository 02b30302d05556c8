"""The runtime: a bundle answers texts, with numpy and an inference engine and nothing else.

``loading.load`` opens a bundle; ``session`` is what an engine looks like from here and ``backends`` holds the engines;
``batching`` packs texts; ``pipelines`` holds one class a task; ``fake`` is a session for tests without an engine.
"""
