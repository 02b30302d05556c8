"""The runtime: a bundle answers texts, with numpy and an inference engine and nothing else.

``loading.load`` opens a bundle; ``session`` is what an engine looks like from here and ``backends`` holds the engines;
``batching`` packs texts and ``inference`` runs them; ``pipelines`` holds one class a task and ``pipeline`` what they
share; ``decode`` chooses tokens; ``fake`` is a session for tests without an engine.
"""
