"""What a report is made from. Everything may be absent; what is there must be sound."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from ....characterization.plan import Plan
from ....characterization.procedure import Context
from ....characterization.table import MANIFEST, read_manifest, read_table
from ....circuits.errors import GaincellError, HardwareError, TableError, TechnologyError
from ....circuits.files import as_written
from ....circuits.technology import Technology, technologies
from ....models import Hardware
from ....models.fitting.folder import REPORT_FILE as FIT
from ...network.checkpoints import ADAPTATION


@dataclass(frozen=True)
class Folders:
    """Layout of the folder that `gaincell demo` writes and `gaincell report` reads."""

    out: Path

    @property
    def tables(self) -> Path:
        return self.out / "tables"

    @property
    def hardware(self) -> Path:
        return self.out / "hardware"

    @property
    def adapted(self) -> Path:
        return self.out / "adapted"

    def result(self, stage: str) -> Path:
        """JSON of one of the stages evaluate, account, cosim."""
        return self.out / f"{stage}.json"


@dataclass(frozen=True)
class ReportSources:
    """Where the results are; None for what is not there."""

    tables: Path | None = None
    """Folder of `gaincell characterize`."""
    hardware: Path | None = None
    """Folder of `gaincell fit`."""
    evaluation: Path | None = None
    """JSON of `gaincell evaluate`."""
    account: Path | None = None
    """JSON of `gaincell account`."""
    agreement: Path | None = None
    """JSON of `gaincell cosim`."""
    adaptation: Path | None = None
    """adaptation.json of `gaincell adapt`."""

    @classmethod
    def of(cls, folder: Path) -> ReportSources:
        """The layout that `gaincell demo` leaves: what exists of it. HardwareError for a missing folder."""
        if not folder.is_dir():
            raise HardwareError(
                f"there is no folder {folder}; run `gaincell demo`, or name the folder it wrote"
            )

        layout = Folders(folder)

        def present(path: Path) -> Path | None:
            return path if path.exists() else None

        return cls(
            tables=present(layout.tables),
            hardware=present(layout.hardware),
            evaluation=present(layout.result("evaluate")),
            account=present(layout.result("account")),
            agreement=present(layout.result("cosim")),
            adaptation=present(layout.adapted / ADAPTATION),
        )


@dataclass(frozen=True)
class ReportData:
    """The sources, read when they are first needed."""

    sources: ReportSources

    @cached_property
    def manifest(self) -> dict[str, Any] | None:
        """Conditions of the characterization; TableError for an interrupted one."""
        return None if self.sources.tables is None else read_manifest(self.sources.tables)

    def table(self, procedure: str) -> pd.DataFrame | None:
        """Rows of a procedure that succeeded; None when it was not run, TableError when damaged."""
        if self.manifest is None or procedure not in self.manifest["tables"]:
            return None
        rows = read_table(self.sources.tables, procedure)
        return rows[rows["status"] == "ok"].reset_index(drop=True)

    @cached_property
    def hardware(self) -> Hardware | None:
        """The fitted hardware; HardwareError for a damaged one."""
        return None if self.sources.hardware is None else Hardware.from_pretrained(self.sources.hardware)

    @cached_property
    def fit(self) -> dict[str, Any] | None:
        """fit.json: `surrogates` and `checks`; TableError if it is of other hardware."""
        folder = self.sources.hardware
        fit = None if folder is None else _read_json(folder / FIT, "fit", optional=True)
        if fit is not None and "hardware" in fit and fit["hardware"] != self.hardware.digest:
            raise TableError(
                f"{folder / FIT} is of other hardware than the one beside it; run `gaincell fit` again"
            )
        return fit

    @cached_property
    def evaluation(self) -> dict[str, Any] | None:
        return _read_json(self.sources.evaluation, "evaluate")

    @cached_property
    def account(self) -> dict[str, Any] | None:
        return _read_json(self.sources.account, "account")

    @cached_property
    def agreement(self) -> dict[str, Any] | None:
        return _read_json(self.sources.agreement, "cosim")

    @cached_property
    def adaptation(self) -> dict[str, Any] | None:
        return _read_json(self.sources.adaptation, "adapt")

    @property
    def unproved(self) -> list[str]:
        """Names of the results without a digest: an edit of them cannot be seen."""
        results = {
            FIT: self.fit,
            "evaluate.json": self.evaluation,
            "account.json": self.account,
            "cosim.json": self.agreement,
            ADAPTATION: self.adaptation,
        }
        return [name for name, result in results.items() if result is not None and as_written(result) is None]

    @cached_property
    def context(self) -> Context:
        """Where the waveforms are simulated: where the tables were, else as the hardware remembers.

        A technology that the data names is simulated only if it is a shipped one: a library is code.

        Raises:
            TechnologyError: another technology, or a corner that it does not have.
            PlanError, HardwareError: a condition that no characterization has.
        """
        if self.manifest is not None:
            plan = Plan.build(self.manifest.get("plan"), source=MANIFEST)
        else:
            known = {} if self.hardware is None else self.hardware.provenance.get("condition", {})
            if not isinstance(known, dict):
                raise HardwareError(
                    "hardware.json does not say at which condition it was fitted; fit it again"
                )
            names = ("technology", "corner", "temperature", "designs", "vdd")
            condition = {name: known[name] for name in names if name in known}
            plan = Plan.build({"name": "hardware", "procedures": ["waves"], **condition}, "hardware.json")
        if plan.technology not in technologies():
            raise TechnologyError(
                f"they are of the technology {plan.technology!r}, and a report simulates none but the "
                f"shipped ones ({', '.join(technologies())}); if you trust its library, run "
                "`gaincell waves OPERATION --technology PATH`"
            )
        technology = Technology.load(plan.technology)
        technology.sections(plan.corner)
        return Context.of(plan, "", technology)

    @property
    def same_tables(self) -> bool:
        """Whether the hardware was fitted to just these tables."""
        if self.manifest is None or self.hardware is None:
            return False
        fitted = self.hardware.provenance.get("tables")
        here = {name: entry["sha256"] for name, entry in self.manifest["tables"].items()}
        return fitted is not None and all(here.get(name) == digest for name, digest in fitted.items())


def _read_json(path: Path | None, command: str, *, optional: bool = False) -> dict[str, Any] | None:
    if path is None or (optional and not path.exists()):
        return None
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise TableError(f"{path} cannot be read ({error}); run `gaincell {command}` again") from None
    if not isinstance(value, dict):
        raise GaincellError(f"{path} is not what `gaincell {command}` writes; run it again")
    if as_written(value) is False:
        raise TableError(f"{path} is damaged or was edited; run `gaincell {command}` again")
    return value
