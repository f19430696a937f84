"""Where modules, profiles, vocabulary and health rules are: those that come with the program, and a site's own folders.

Files of a site with the same name replace ours, new ones are added. Loaded once; profiles are put together when needed.
Every problem is told with file, line and key; nothing wrong is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from agent.config import Problem
from agent.snmp import module_file
from agent.snmp.match import Facts, Identity, Matcher, match_troubles
from agent.snmp.module import Module
from agent.snmp.profile import Profile
from agent.snmp.profile_build import Key, Material, build
from agent.snmp.profile_file import ProfileFile
from agent.snmp.rules import Rule, RulesFile, troubles
from agent.snmp.sheet import Sheet, SheetError
from agent.snmp.vocabulary import Reading, VocabularyFile, name_trouble, reading_of

T = TypeVar("T", bound=msgspec.Struct)


def shipped() -> Path:
    """The folder that comes with the program: inside the installed package, or `config/snmp` of a checkout."""
    here = Path(__file__).parent
    packed = here / "files"
    return packed if packed.is_dir() else here.parents[1] / "config" / "snmp"


class Library:
    """See the module; made by `load`."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders
        self._problems: list[Problem] = []
        self._module_files: dict[str, Path] = {}
        """Shipped modules by name, each alone in its file, which are read when they are needed."""
        self._modules: dict[str, Module] = {}
        self._sheets: dict[str, Sheet] = {}
        self._files: dict[str, ProfileFile] = {}
        self._profiles: dict[str, Profile] = {}
        self.vocabulary: dict[str, Reading] = {}
        self.rules: dict[str, Rule] = {}
        self._load_vocabulary()
        self._load_rules()
        self._load_modules()
        self._load_profiles()
        self.matcher = Matcher(() if self._problems else self._files.values())

    @classmethod
    def load(cls, folders: Sequence[Path | str] = ()) -> Library:
        """The shipped files and those of the site's folders, a later one before an earlier one. Raises `SheetError` with all
        problems of vocabulary, rules, the files of profiles, and of the site's own modules and profiles altogether."""
        library = cls([shipped(), *map(Path, folders)])
        if not library._problems:
            own = [name for name, sheet in library._sheets.items() if Path(sheet.file).parent.parent != library._folders[0]]
            library._problems += library.problems(own)
        if library._problems:
            raise SheetError(library._problems)
        return library

    @property
    def profile_names(self) -> frozenset[str]:
        """Names of all profiles, those that are only parts of others among them."""
        return frozenset(self._files)

    @property
    def module_names(self) -> frozenset[str]:
        """Names of all modules."""
        return frozenset(self._module_files) | frozenset(self._modules)

    @property
    def probe_oids(self) -> tuple[str, ...]:
        """OIDs whose answer `identify` needs to know of."""
        return self.matcher.probe_oids

    def identify(self, facts: Facts) -> Identity:
        """The profile that fits a device best, and why."""
        return self.matcher.identify(facts)

    def profile(self, name: str) -> Profile:
        """The profile. Raises `KeyError` for a name that there is not, `SheetError` for one that cannot be put together."""
        found = self._profiles.get(name)
        if found is None:
            problems: list[Problem] = []
            found = self._build(name, problems)
            if problems or found is None:
                raise SheetError(problems)
            self._profiles[name] = found
        return found

    def module(self, name: str) -> Module:
        """The module. Raises `KeyError` for a name that there is not, `SheetError` for a broken file."""
        found = self._modules.get(name)
        if found is None:
            file = module_file.load(self._module_files[name])
            self._modules.update({key: module for key, module in file.modules.items() if key not in self._modules})
            found = self._modules[name]
        return found

    def problems(self, profiles: Sequence[str] | None = None) -> list[Problem]:
        """What is wrong with profiles (all, if None), each put together."""
        problems: list[Problem] = []
        for name in self._files if profiles is None else profiles:
            self._build(name, problems)
        return list(dict.fromkeys(problems))

    def _load_vocabulary(self) -> None:
        for folder in self._folders:
            file = self._converted(folder / "readings.yml", VocabularyFile)
            if file is None:
                continue
            sheet = Sheet(folder / "readings.yml")
            for name, entry in file.readings.items():
                if expected := name_trouble(name, entry):
                    sheet.say(("readings", name), name, expected)
                self.vocabulary[name] = reading_of(name, entry)
            self._problems += sheet.problems

    def _load_rules(self) -> None:
        for folder in self._folders:
            file = self._converted(folder / "health.yml", RulesFile)
            if file is None:
                continue
            sheet = Sheet(folder / "health.yml")
            for name, rule in file.rules.items():
                for found, expected in troubles(rule, self.vocabulary):
                    sheet.say(("rules", name), found, expected)
                self.rules[name] = msgspec.structs.replace(rule, name=name)
            self._problems += sheet.problems

    def _load_modules(self) -> None:
        self._module_files = {path.stem: path for path in _yaml_files(self._folders[0] / "modules")}
        own: dict[str, Module] = {}
        for folder in self._folders[1:]:
            try:
                own.update(module_file.load(*_yaml_files(folder / "modules")).modules)
            except SheetError as error:
                self._problems += error.problems
        self._modules.update(own)

    def _load_profiles(self) -> None:
        for folder in self._folders:
            for path in _yaml_files(folder / "profiles"):
                sheet = Sheet(path)
                file = sheet.convert(ProfileFile)
                if file is not None:
                    self._check_file(sheet, file, path.stem)
                    self._files[path.stem] = file
                    self._sheets[path.stem] = sheet
                self._problems += sheet.problems

    def _check_file(self, sheet: Sheet, file: ProfileFile, stem: str) -> None:
        if file.profile != stem:
            sheet.say(("profile",), file.profile, f"{stem}, the name of the file")
        for place, match in enumerate(file.match):
            if expected := match_troubles(match):
                sheet.say(("match", place, "sysdescr"), match.sysdescr or "", expected)

    def _converted(self, path: Path, kind: type[T]) -> T | None:
        if not path.exists() and path.parent != self._folders[0]:
            return None
        sheet = Sheet(path)
        found = sheet.convert(kind)
        self._problems += sheet.problems
        return found

    def _build(self, name: str, problems: list[Problem]) -> Profile | None:
        sheet = self._sheets[name]
        fresh = Sheet(sheet.file)
        chain: dict[str, ProfileFile] = {}
        if not self._collect(name, chain, (), fresh):
            problems += fresh.problems
            return None
        modules: dict[str, Module] = {}
        for module in dict.fromkeys(each for part in chain.values() for each in part.modules):
            try:
                modules[module] = self.module(module)
            except KeyError:
                continue  # said by who puts the profile together, at its place
            except SheetError as error:
                problems += error.problems
        say: list[tuple[Key, str, str]] = []
        profile = build(Material(tuple(chain.values()), modules, self.vocabulary, self.rules), lambda *said: say.append(said))
        for place, found, expected in say:
            fresh.say(place, found, expected)
        problems += fresh.problems
        return profile if not problems else None

    def _collect(self, name: str, chain: dict[str, ProfileFile], above: tuple[str, ...], sheet: Sheet) -> bool:
        """Put the bases of a profile into the chain, each once and before who is based on it, then the profile itself."""
        if name in above or name not in self._files:
            found = f"{' -> '.join((*above, name))}, a circle" if name in above else name
            sheet.say(("base",), found, "the names of other profiles")
            return False
        for base in self._files[name].base:
            if base not in chain and not self._collect(base, chain, (*above, name), sheet):
                return False
        chain[name] = self._files[name]
        return True


def _yaml_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.yml")) if folder.is_dir() else []
