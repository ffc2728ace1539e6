"""tera completion: the script by which a shell completes verbs and options.

The law of this file: it only prints; what is completed is `tera.cli.verbs`'s.
"""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from tera.cli.outputs import write

_INSTALL = """\b
bash:  tera completion bash > ~/.local/share/bash-completion/completions/tera
zsh:   tera completion zsh > "${fpath[1]}/_tera"
fish:  tera completion fish > ~/.config/fish/completions/tera.fish"""


@click.command(short_help="Print the script that completes tera's commands in a shell.", epilog=_INSTALL)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the script that completes tera's commands in SHELL."""
    found = get_completion_class(shell)
    assert found is not None, "click knows these three"
    # `source_template` rather than `source()`: that starts a bash to ask for its version.
    script = found(context.find_root().command, {}, "tera", "_TERA_COMPLETE")
    write(script.source_template % script.source_vars())
