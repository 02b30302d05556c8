"""What a bundle lost: labelled data in, a comparison of reference and candidate out, as a report and a verdict.

data        files -> inputs and labelled examples          read_inputs, read_examples
tasks       how each task is measured, one file a task     MEASURES, measure_of
predictors  what a side of the comparison is: any function that answers inputs
openers     a bundle or a checkpoint as a side             open_predictor
metrics     figures as functions of rows of statistics
statistics  their intervals: one paired bootstrap for all
timing      latency side by side, memory in a fresh process
runner      both sides and the examples -> Report          compare
report      the result as pure data, and the gate          Report, check_budget
sections    what a task's page shows, said without a form
render      Report -> JSON, Markdown, HTML, terminal       write_report, summary_table
"""
