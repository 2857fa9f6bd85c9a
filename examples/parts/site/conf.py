"""Sphinx's settings; build.py gives it the folders."""

project = "tinynet"
html_title = "tinynet"
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "parts.site.extension",
]
myst_enable_extensions = ["attrs_block", "dollarmath"]
myst_heading_anchors = 4

nb_execution_mode = "cache"  # build.py has run the lessons and filled it
nb_execution_raise_on_error = True
nb_merge_streams = True
nb_output_stderr = "remove"  # the notice that kernels are being compiled
nb_render_image_options = {"alt": "The picture that the code above draws"}

autodoc_default_options = {
    "members": True,
    "undoc-members": True,
    "show-inheritance": True,
    "ignore-module-all": True,
    "member-order": "bysource",
}
autodoc_typehints = "signature"

html_theme = "furo"
html_css_files = ["site.css"]
html_copy_source = False
html_show_copyright = False
html_use_index = html_domain_indices = False  # the search finds names, too
pygments_style = "a11y-light"
pygments_dark_style = "a11y-dark"
mathjax_path = "mathjax.js"
mathjax3_config = {"svg": {"fontCache": "global"}}

copybutton_selector = "div:not(.output) > div.highlight pre"  # not of what code prints
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True
