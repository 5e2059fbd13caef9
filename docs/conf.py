"""The site: `python -m sphinx -W docs docs/_build`. Nothing is fetched while it is built."""

from __future__ import annotations

import re

import matplotlib
from sphinx_gallery.sorting import ExplicitOrder, FileNameSortKey

import clusterx

matplotlib.use("agg")


def skip_member(app, what, name, member, skip, options):
    """Leave out what every estimator of scikit-learn has, and how rows answer algorithms."""
    function = getattr(member, "fget", None) or member
    module = getattr(function, "__module__", None) or ""
    inherited = module.startswith(("sklearn", "clusterx.rows"))
    return True if inherited or REQUESTS.fullmatch(name) else None


def setup(app):
    app.connect("autodoc-skip-member", skip_member)


#: methods of scikit-learn's metadata routing, made for each argument
REQUESTS = re.compile(r"set_\w+_request")

project = "clusterx"
author = "The clusterx developers"
copyright = author
release = version = clusterx.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "examples"]
suppress_warnings = ["config.cache"]  # the gallery's sort keys are functions
nitpicky = True
nitpick_ignore_regex = [("py:class", r".*")]  # types of signatures are prose, not names

# what is fetched by the reader's browser, and only on pages with formulas
mathjax_path = "https://cdn.jsdelivr.net/npm/mathjax@3/es5/tex-mml-chtml.js"

autosummary_generate = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
default_role = "code"

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3

html_theme = "pydata_sphinx_theme"
html_title = "clusterx"
html_static_path = ["_static"]
html_css_files = ["clusterx.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "show_prev_next": False,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 5,
    "secondary_sidebar_items": {"**": ["page-toc"], "benchmarks": []},  # room for its tables
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_nav_level": 1,
    "pygments_light_style": "tango",
    "pygments_dark_style": "monokai",
}
# pages that stand alone need no column for their neighbours
ALONE = (
    "quickstart",
    "estimators",
    "command_line",
    "topics",
    "gpu",
    "scale",
    "models",
    "accel",
    "colors",
    "exactness",
    "migrating",
    "benchmarks",
    "contributing",
)
html_sidebars = {page: [] for page in ALONE}

GALLERIES = (
    "kmeans",
    "number_of_clusters",
    "digits",
    "images",
    "hierarchies",
    "density",
    "mixtures",
    "maps",
    "tables",
)
sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"/plot_",
    "subsection_order": ExplicitOrder([f"examples/{name}" for name in GALLERIES] + ["*"]),
    "within_subsection_order": FileNameSortKey,
    "nested_sections": True,
    "capture_repr": (),  # displays have no text to show; what is shown is printed
    "abort_on_example_error": True,
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,  # its page loads scripts from elsewhere
    "min_reported_time": 1,
    "image_srcset": ["2x"],
    "doc_module": ("clusterx",),
    "reference_url": {"clusterx": None},
    "backreferences_dir": "api/examples",
    "inspect_global_variables": False,
}
