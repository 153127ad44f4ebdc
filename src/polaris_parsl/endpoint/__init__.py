"""Templates for Globus Compute endpoints, with the values that `polaris_parsl.config` has.

Source: the loader of globus-compute-endpoint (endpoint/config), which renders a template with
Jinja, reads the result as YAML, and hands each argument to the engine, provider and launcher.
"""
