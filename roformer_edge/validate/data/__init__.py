"""Data files: JSON Lines, CSV, TSV and plain text in, checked inputs and labelled examples out.

lines     a file -> lines of named values, every complaint as ``path:line: reason``
fields    which key of a line is which input
inputs    a line -> the inputs of a task; the one reader for labelled data, calibration and ``run``
labels    a value of a line -> one of the model's labels
examples  a file -> labelled examples of a task, texts that are too long found before any work starts
"""
