"""Fakes of Lambda and ECR that let something be deleted, as strict as those they extend."""

from support.fake_lambda import FakeLambda
from support.fakes import FakeEcr, operation


class PrunableLambda(FakeLambda):
    """Versions that can be listed by alias and deleted, as Lambda does: not while an alias names them."""

    @operation
    def list_aliases(self, FunctionName):
        assert FunctionName == "fn"
        routing = {"RoutingConfig": {"AdditionalVersionWeights": self.weights}} if self.weights else {}
        return {"Aliases": [{"Name": "live", "FunctionVersion": self.live, **routing}]}

    @operation
    def delete_function(self, FunctionName, Qualifier):
        assert FunctionName == "fn"
        assert Qualifier not in {self.live, *self.weights}
        self.lose(Qualifier)

    def lose(self, version):
        """A version goes."""
        (going,) = (one for one in self.versions if one["Version"] == version)
        self.versions.remove(going)
        del self.images[version]


class PrunableEcr(FakeEcr):
    """Images that can be deleted, all their tags with them."""

    @operation
    def batch_delete_image(self, repositoryName, imageIds):
        ((key, wanted),) = imageIds[0].items()
        assert key == "imageDigest", "by tag, ECR would only untag it"
        self.lose(repositoryName, wanted)
        return {"imageIds": imageIds, "failures": []}

    def lose(self, repository_name, digest):
        """An image goes, and its tags go with it."""
        del self.repositories[repository_name][digest]
        self.tags = {at: of for at, of in self.tags.items() if of != digest or at[0] != repository_name}
