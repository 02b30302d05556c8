"""What a bundle lost: labelled data in, a comparison of reference and candidate out, as a report and a verdict.

datasets    JSON Lines -> examples                     read_labelled, read_texts
metrics     counts and logits -> figures of merit      standard formulas, paired bootstrap
predictors  a bundle, a checkpoint or any function     open_bundle, open_checkpoint, from_callable
measure     latency side by side, memory in a fresh process
runner      reference, candidate, examples -> Report   compare
report      the result as pure data, and the gate      Report, check_budget
render      Report -> JSON, Markdown, HTML, terminal   write_report, summary_table
"""
