"""One call to a model's server, through pydantic-ai: bounded in time and size, never repeated here.

The libraries' own retries are off, so that one call is one request that the account knows of.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

from proveout.errors import UserError
from proveout.ideas._llm_calls import CallFailed, Message, Prices, Reply, without
from proveout.study import LanguageModel

if TYPE_CHECKING:
    import asyncio

_LARGEST_ANSWER_BYTES = 8_000_000
_KEYS = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}
_KEYS |= dict.fromkeys(("google", "google-gla", "google-cloud"), "GOOGLE_API_KEY")
_USUAL_PROMPT_BYTES = 130_000
_TRY_AGAIN = frozenset({408, 409, 425, 429})


class Client:
    """Makes calls to the model that a study names."""

    def __init__(self, declared: LanguageModel) -> None:
        """Raises `UserError` where the library, the key or the price is missing."""
        _library("pydantic_ai")
        self._declared = declared
        self._provider, _, self.name = declared.model.rpartition(":")
        if declared.base_url is not None and self._provider not in {"", "openai"}:
            self._provider, self.name = "", declared.model  # a name with a colon, as Ollama's are
        self._key = _key(declared, self._provider)
        self.secrets = (self._key,) if self._key else ()
        self.prices = _prices(declared, self._provider, self.name)
        if declared.base_url is None and self._provider != "openai" and not declared.cached_only:
            self._library_model()  # what is missing is said before the study begins
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Reply] | None = None

    def call(self, messages: Sequence[Message]) -> Reply:
        """One request. Raises `CallFailed` for whatever goes wrong with it."""
        import asyncio  # not at import: most studies ask no model

        try:
            model, close = self._model()  # imports what it needs before the clock starts
            return asyncio.run(self._timed(model, close, messages))
        except CallFailed:
            raise
        except asyncio.CancelledError:
            raise CallFailed("the study ended", again=False, paid=True) from None
        except TimeoutError:
            seconds = self._declared.timeout
            raise CallFailed(f"no answer in {seconds:g} s", again=True, paid=True) from None
        except Exception as error:
            raise self._failure(error) from None
        finally:
            self._loop = self._task = None

    def cancel(self) -> None:
        """Ends a call that another thread makes."""
        loop, task = self._loop, self._task
        if loop is not None and task is not None:
            try:
                loop.call_soon_threadsafe(task.cancel)
            except RuntimeError:  # it has just ended
                return

    async def _timed(self, model: Any, close: Any, messages: Sequence[Message]) -> Reply:
        import asyncio

        self._loop = asyncio.get_running_loop()
        self._task = asyncio.ensure_future(self._request(model, close, messages))
        return await asyncio.wait_for(self._task, self._declared.timeout)

    async def _request(self, model: Any, close: Any, messages: Sequence[Message]) -> Reply:
        from pydantic_ai.direct import model_request
        from pydantic_ai.messages import TextPart, ToolCallPart
        from pydantic_ai.settings import ModelSettings

        settings = ModelSettings(max_tokens=self._declared.max_output_tokens)
        if self._declared.temperature is not None:
            settings["temperature"] = self._declared.temperature
        try:
            answer = await model_request(model, _history(messages), model_settings=settings)
        finally:
            await close()
        text = "".join(part.content for part in answer.parts if isinstance(part, TextPart))
        if not text and any(isinstance(part, ToolCallPart) for part in answer.parts):
            text = "(a call of a tool, of which there are none)"
        usage = answer.usage
        told = bool(usage.input_tokens or usage.output_tokens)
        return Reply(
            without(self.secrets, text),
            usage.input_tokens if told else None,
            usage.output_tokens if told else None,
        )

    def _model(self) -> tuple[Any, Any]:
        """The model with a client of its own, and what closes it."""
        if self._declared.base_url is not None or self._provider == "openai":
            return self._openai()
        model = self._library_model()
        client = getattr(model, "client", None)
        if hasattr(client, "max_retries"):
            client.max_retries = 0  # type: ignore[union-attr]

        async def close() -> None:
            """The library keeps its own clients."""

        return model, close

    def _library_model(self) -> Any:
        """The model as the library makes it from its own name of it."""
        from pydantic_ai.exceptions import UserError as Misnamed
        from pydantic_ai.models import infer_model

        try:
            return infer_model(self._declared.model)
        except (ImportError, Misnamed, ValueError) as error:
            raise UserError(
                f"[llm] model {self._declared.model!r} cannot be used: {error}"
            ) from None

    def _openai(self) -> tuple[Any, Any]:
        import httpx2
        from openai import AsyncOpenAI
        from pydantic_ai.models.openai import OpenAIChatModel
        from pydantic_ai.profiles.openai import OpenAIModelProfile
        from pydantic_ai.providers.openai import OpenAIProvider

        async def cap(response: Any) -> None:
            if response.headers.get("content-encoding", "identity") != "identity":
                raise CallFailed("the answer is compressed, unasked", again=False, paid=True)
            response.stream = _capped(response.stream)

        http = httpx2.AsyncClient(
            timeout=self._declared.timeout,
            headers={"Accept-Encoding": "identity"},
            event_hooks={"response": [cap]},
        )
        client = AsyncOpenAI(
            base_url=self._declared.base_url,
            api_key=self._key or "none",
            max_retries=0,
            http_client=http,
        )
        provider = OpenAIProvider(openai_client=client)
        # Servers other than OpenAI's know the limit of tokens by its first name.
        plain = OpenAIModelProfile(openai_chat_supports_max_completion_tokens=False)
        profile = plain if self._declared.base_url else None
        return OpenAIChatModel(self.name, provider=provider, profile=profile), client.close

    def _failure(self, error: Exception) -> CallFailed:
        inner: BaseException | None = error
        while inner is not None:
            if isinstance(inner, CallFailed):
                return inner
            inner = inner.__cause__ or inner.__context__
        status = getattr(error, "status_code", None)
        said = without(self.secrets, " ".join(str(error).split()))[:300]
        if isinstance(status, int):
            again = status in _TRY_AGAIN or status >= 500
            return CallFailed(f"HTTP {status}: {said}", again=again, paid=False)
        return CallFailed(f"{type(error).__name__}: {said}", again=True, paid=True)


def _capped(stream: Any) -> Any:
    """A body that ends in an error where it grows too long, so that it never fills memory."""
    import httpx2

    class Capped(httpx2.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            size_bytes = 0
            async for chunk in stream:
                size_bytes += len(chunk)
                if size_bytes > _LARGEST_ANSWER_BYTES:
                    why = f"the answer has more than {_LARGEST_ANSWER_BYTES} bytes"
                    raise CallFailed(why, again=False, paid=True)
                yield chunk

        async def aclose(self) -> None:
            await stream.aclose()

    return Capped()


def _history(messages: Sequence[Message]) -> list[Any]:
    from pydantic_ai.messages import (
        ModelRequest,
        ModelResponse,
        SystemPromptPart,
        TextPart,
        UserPromptPart,
    )

    told: list[Any] = []
    for message in messages:
        match message.role:
            case "system":
                told.append(ModelRequest(parts=[SystemPromptPart(message.text)]))
            case "user":
                told.append(ModelRequest(parts=[UserPromptPart(message.text)]))
            case _:
                told.append(ModelResponse(parts=[TextPart(message.text)]))
    return told


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise UserError(
            f'[llm] in study.toml needs {name}, which is not installed: pip install "proveout[llm]"'
        ) from None


def _key(declared: LanguageModel, provider: str) -> str:
    named = declared.key or (_KEYS.get(provider) if declared.base_url is None else None)
    if named is None or declared.cached_only:
        return ""
    own = _KEYS.get(provider)
    if declared.base_url is None and provider != "openai" and own and named != own:
        raise UserError(f"[llm] key: {provider} takes its key from {own}, not from {named}")
    key = os.environ.get(named, "").strip()
    if not key:
        raise UserError(
            f"[llm] takes its key from the environment variable {named}, which is not set: "
            f"export {named}=..., or leave [llm] out of study.toml"
        )
    return key


def _prices(declared: LanguageModel, provider: str, name: str) -> Prices:
    if declared.price is not None:
        return Prices(declared.price.input, declared.price.output)
    try:
        from genai_prices import Usage, calc_price

        # Some prices are higher for long prompts; a prompt has fewer tokens than bytes.
        sample = 100_000 if declared.prompt_bytes <= _USUAL_PROMPT_BYTES else 1_000_000
        at = provider.split("-")[0]
        known = calc_price(Usage(input_tokens=sample), name, provider_id=at)
        spent = calc_price(Usage(output_tokens=sample), name, provider_id=at)
        factor = 1_000_000 / sample
        return Prices(float(known.total_price) * factor, float(spent.total_price) * factor)
    except Exception:  # the library raises what it likes where it knows no price
        raise UserError(
            f"the price of {declared.model!r} is not known; give it in USD for a million tokens, "
            "as in price = { input = 0.25, output = 2.0 } in [llm]"
        ) from None
