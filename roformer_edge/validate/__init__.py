"""What a bundle lost: labelled data in, a comparison of reference and candidate out, as a report and a verdict.

datasets    JSON Lines -> examples                         read_labelled, read_texts
predictors  what a side of the comparison is: any function from texts to logits
openers     a bundle or a checkpoint as a side             open_predictor
measure     latency side by side, memory in a fresh process
metrics     answers and logits -> figures and intervals
runner      both sides and the examples -> Report          compare
report      the result as pure data, and the gate          Report, check_budget
render      Report -> JSON, Markdown, HTML, terminal       write_report, summary_table
"""
