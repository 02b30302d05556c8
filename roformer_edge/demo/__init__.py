"""The embedded checkpoint, which understands requests to a home assistant in Chinese, and what ``demo`` does with it.

embedded   the files of the package as paths           embedded_checkpoint, embedded_evaluation
journey    deploy, validate, answer                    run_demo
"""
