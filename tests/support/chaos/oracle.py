"""What must hold in one environment, from what was seen to happen in it; shares nothing with the code it judges."""


class Oracle:
    """A plain record: the fakes tell it what happens, in order; `wrong` is what should not have happened."""

    def __init__(self, image_of):
        self.image_of = image_of  # the digest of the image that a commit has
        self.runs: dict[str, str] = {}  # each version that exists, and the digest it runs
        self.moves: list[str] = []  # what the alias named, one after the other
        self.weighted: set[str] = set()
        self.released: set[str] = set()
        self.streamed: set[str] = set()  # whose stream was opened in this run, and was healthy
        self.wrong: list[str] = []

    @property
    def live(self):
        return self.moves[-1] if self.moves else ""

    @property
    def newest(self):
        return max(self.runs, key=int, default="")

    def begins(self):
        """A run begins: what was verified before it is verified again, or does not count."""
        self.streamed = set()

    def published(self, version, digest, commit):
        """Lambda has a new version, which nobody can call."""
        self.wrong += [f"version {version} is no image of its commit"] * (digest != self.image_of(commit))
        self.runs[version] = digest

    def connected(self, version):
        """The alias is made: from now on somebody can call a version."""
        self.wrong += [f"version {version} can be called and was not verified"] * (version not in self.streamed)
        self.moves.append(version)
        self.released.add(version)

    def shifted(self, version, weights):
        """The alias names a version, and gives others a share."""
        getting = (set(weights) - self.weighted) | ({version} - {self.live})
        self.wrong += [f"version {item} gets requests and was not verified" for item in getting - self.streamed]
        self.weighted = set(weights)
        if version != self.live:
            self.moves.append(version)
            self.released.add(version)  # whatever the tags say: it serves, so one can return to it

    def deleted(self, version):
        """A version goes, for good."""
        self.wrong += [f"version {version} was deleted"] * (version in self.reachable())
        del self.runs[version]

    def lost(self, digest):
        """An image goes, for good or until it is built again."""
        users = [version for version, runs in self.reachable().items() if runs == digest]
        self.wrong += [f"the image of version {version} was deleted" for version in users]

    def release_before(self):
        """The last that served before the live one and was not rolled back from; empty if there is none.

        Rolled back from: the alias went to a lower number later, and has not come back.
        """
        for index in range(len(self.moves) - 1, -1, -1):
            version, later = self.moves[index], self.moves[index + 1 :]
            undone = any(int(item) < int(version) for item in later)
            if not undone and version != self.live and version in self.released:
                return version
        return ""

    def reachable(self):
        """Version to digest, for each that serves, has a share, can be returned to, or may be in its verification."""
        return {
            version: digest
            for version, digest in self.runs.items()
            if version in {self.live, *self.weighted, *self.released} or int(version) > int(self.live or 0)
        }
