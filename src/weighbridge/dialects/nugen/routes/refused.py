"""What the vendor has and we do not: refused by name, with what to use instead."""

from fastapi import APIRouter
from starlette.responses import Response

from weighbridge.dialects.nugen.access import CallerHere
from weighbridge.dialects.shared import NotSupported

router = APIRouter()

_TRAINING = (
    "models are not trained here: train them where you like, serve them behind an endpoint that "
    "speaks OpenAI's protocol, declare that in the models file, and evaluate it by its name"
)
_DEPLOYING = (
    "models are not deployed here: every declared model can be asked at once; the models file says "
    "where each is"
)


async def refuse_training(_caller: CallerHere) -> Response:
    """Alignment projects."""
    raise NotSupported(_TRAINING)


async def refuse_deploying(_caller: CallerHere) -> Response:
    """Deployments."""
    raise NotSupported(_DEPLOYING)


for _path in (
    "/alignment-project/{rest:path}",
    "/alignment-projects",
    "/alignment-projects/{rest:path}",
):
    router.add_api_route(_path, refuse_training, methods=["GET", "POST", "DELETE"])
for _path in (
    "/models/deploy-model/{model:path}",
    "/models/{model}/deployment",
    "/models/{model}/deployment/status",
):
    router.add_api_route(_path, refuse_deploying, methods=["GET", "POST", "DELETE"])
