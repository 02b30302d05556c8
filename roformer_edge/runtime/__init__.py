"""The runtime: a bundle answers texts, with numpy and an inference engine and nothing else.

``loading.load`` opens a bundle; ``session`` is what an engine looks like from here and ``backends`` holds the engines;
``packing`` packs texts into batches and ``inference`` runs them; ``pipelines`` holds one class a task and in ``base``
what they share; ``fake`` is a session for tests without an engine.
"""
