"""Run the notebooks and save their outputs: `python notebooks/execute.py [NOTEBOOK …]`.

What differs between two runs (execution times, ids, versions) is left out, so that a diff shows only
real changes.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def execute(path: Path) -> Any:
    """Run a notebook in an empty folder, with this Python, and return it with its new outputs."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(
            notebook, timeout=600, startup_timeout=300, kernel_name="python3",
            resources={"metadata": {"path": folder}},
        ).execute()
    return clean(notebook)


def clean(notebook: Any) -> Any:
    """Remove from a notebook what depends on the machine or the time."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for number, cell in enumerate(notebook.cells, 1):
        cell.id, cell.metadata = f"cell-{number:02}", {}
        for output in cell.get("outputs", []):
            output.pop("metadata", None)
            if output.output_type in {"display_data", "execute_result"}:
                output.metadata = {}
    return notebook


def main() -> None:
    """Run the notebooks named on the command line. Default: all."""
    import nbformat

    for path in map(Path, sys.argv[1:] or sorted(HERE.glob("*.ipynb"))):
        nbformat.write(execute(path), path)
        print(f"ran {path.name}")


if __name__ == "__main__":
    main()
