"""From texts to typed answers, one module a task; ``loading.PIPELINES`` is their table."""
