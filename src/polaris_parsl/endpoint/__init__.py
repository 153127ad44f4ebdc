"""Templates for Globus Compute endpoints, with the values of `polaris_parsl.config`.

Source: the loader of globus-compute-endpoint (endpoint/config), which renders a template with
Jinja, reads the result as YAML, and hands each argument to the engine, provider and launcher.
"""
