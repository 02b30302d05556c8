"""What a bundle lost: labelled data in, a comparison of reference and candidate out, as a report and a verdict.

data        files -> inputs and labelled examples          read_inputs, read_examples
tasks       how each task is measured, one file a task     MEASURES, measure_of
predictors  what a side of the comparison is: any function that answers inputs
openers     a bundle or a checkpoint as a side             open_predictor
metrics     figures as functions of rows of statistics
statistics  their intervals: one paired bootstrap for all
calibration whether probabilities say how often answers are right
timing      latency side by side, memory in a fresh process
runner      both sides and the examples -> Report          compare
report      the result as pure data, and its verdict       Report, check_budget, read_report
gates       what a build stops on, on any figure
baseline    what changed since an earlier report
language    words of the page in another language, from messages
sections    what a task's page shows, said without a form
render      Report -> JSON, Markdown, HTML, terminal       write_report, summary_table
"""
