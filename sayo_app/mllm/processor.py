"""The Qwen-VL processor without its video half, which needs torchvision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import AutoTokenizer, PreTrainedTokenizerBase
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.models.qwen3_vl.processing_qwen3_vl import Qwen3VLProcessor


class PictureProcessor(Qwen3VLProcessor):
    """Text and pictures to model inputs; the same for Qwen2.5-VL and Qwen3-VL.

    The parent imports a video processor, and with it torchvision, as soon as its constructor names one:
    the attributes of a processor are read off the constructor's arguments.
    """

    def __init__(
        self,
        image_processor: Qwen2VLImageProcessorPil | None = None,
        tokenizer: PreTrainedTokenizerBase | None = None,
        chat_template: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(image_processor, tokenizer, chat_template=chat_template, **kwargs)

    @classmethod
    def load(cls, source: str | Path, **hub: Any) -> PictureProcessor:
        """Tokenizer, PIL image processor and chat template from a folder or a Hugging Face model id."""
        tokenizer = AutoTokenizer.from_pretrained(source, **hub)
        hub = {key: value for key, value in hub.items() if key != "trust_remote_code"}
        image_processor = Qwen2VLImageProcessorPil.from_pretrained(source, **hub)
        template = tokenizer.chat_template
        if template is None:
            # Older Qwen repositories keep it in a file of the processor's own.
            template = cls.get_processor_dict(source, **hub)[0].get("chat_template")
        return cls(image_processor, tokenizer, chat_template=template)
