"""Processors of the supported families: text and pictures to model inputs, without torchvision.

transformers' own import a video processor, and with it torchvision, as soon as their constructor names one:
the attributes of a processor are read off the constructor's arguments. The subclasses here name none. Their
image processors are those that compute with PIL, whether or not torchvision is there: one model gives the
same inputs on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from PIL import Image
from transformers import AutoTokenizer, BatchFeature, PreTrainedTokenizerBase, ProcessorMixin
from transformers.models.aya_vision.processing_aya_vision import AyaVisionProcessor
from transformers.models.gemma3.image_processing_pil_gemma3 import Gemma3ImageProcessorPil
from transformers.models.gemma3.processing_gemma3 import Gemma3Processor
from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil
from transformers.models.idefics3.processing_idefics3 import Idefics3Processor
from transformers.models.internvl.processing_internvl import InternVLProcessor
from transformers.models.llava_next.image_processing_pil_llava_next import LlavaNextImageProcessorPil
from transformers.models.llava_next.processing_llava_next import LlavaNextProcessor
from transformers.models.llava_onevision.image_processing_pil_llava_onevision import (
    LlavaOnevisionImageProcessorPil,
)
from transformers.models.llava_onevision.processing_llava_onevision import LlavaOnevisionProcessor
from transformers.models.pixtral.image_processing_pil_pixtral import PixtralImageProcessorPil
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.models.qwen3_vl.processing_qwen3_vl import Qwen3VLProcessor


class QwenPictures(Qwen3VLProcessor):
    """Qwen2.5-VL, Qwen3-VL and Qwen3.5."""

    images: ClassVar[type] = Qwen2VLImageProcessorPil

    def __init__(
        self,
        image_processor: Any = None,
        tokenizer: PreTrainedTokenizerBase | None = None,
        chat_template: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(image_processor, tokenizer, chat_template=chat_template, **kwargs)


class InternVLPictures(InternVLProcessor):
    images: ClassVar[type] = GotOcr2ImageProcessorPil

    def __init__(
        self,
        image_processor: Any = None,
        tokenizer: PreTrainedTokenizerBase | None = None,
        image_seq_length: int = 256,
        chat_template: str | None = None,
    ) -> None:
        super().__init__(
            image_processor, tokenizer, image_seq_length=image_seq_length, chat_template=chat_template
        )


class AyaPictures(AyaVisionProcessor):
    images: ClassVar[type] = GotOcr2ImageProcessorPil


class PixtralPictures(ProcessorMixin):
    """Mistral 3, in place of PixtralProcessor, whose module needs torchvision as soon as it is imported."""

    images: ClassVar[type] = PixtralImageProcessorPil
    image_token, image_break_token, image_end_token = "[IMG]", "[IMG_BREAK]", "[IMG_END]"

    def __init__(
        self,
        image_processor: Any = None,
        tokenizer: Any = None,
        token_px: int = 28,
        chat_template: str | None = None,
    ) -> None:
        """Args: token_px: what an image token sees, a side."""
        super().__init__(image_processor, tokenizer, chat_template=chat_template)
        self.token_px = token_px
        tokens = [self.image_token, self.image_break_token, self.image_end_token]
        self.image_token_ids = tokenizer.convert_tokens_to_ids(tokens)
        self.image_token_id = self.image_token_ids[0]

    def _process_images(self, images: Any, **kwargs: Any) -> Any:
        side = {"height": self.token_px, "width": self.token_px}
        return super()._process_images(images, **kwargs | {"patch_size": side})

    def replace_image_token(self, image_inputs: Any, image_idx: int, **_: Any) -> str:
        """A row of image tokens for each row of the picture, with a break after all but the last."""
        height, width = (int(px) // self.token_px for px in image_inputs["image_sizes"][image_idx])
        return self.image_break_token.join([self.image_token * width] * height) + self.image_end_token


class Idefics3Pictures(Idefics3Processor):
    """Idefics3 and SmolVLM, whose own processor needs a package only to speak of videos."""

    images: ClassVar[type] = Idefics3ImageProcessorPil


class Gemma3Pictures(Gemma3Processor):
    images: ClassVar[type] = Gemma3ImageProcessorPil

    def __call__(self, images: Any = None, text: Any = None, **kwargs: Any) -> BatchFeature:
        return super().__call__(images=by_prompt(images, text, self.image_token), text=text, **kwargs)


class LlavaNextPictures(LlavaNextProcessor):
    images: ClassVar[type] = LlavaNextImageProcessorPil


class LlavaOnevisionPictures(LlavaOnevisionProcessor):
    images: ClassVar[type] = LlavaOnevisionImageProcessorPil

    def __init__(
        self,
        image_processor: Any = None,
        tokenizer: PreTrainedTokenizerBase | None = None,
        num_image_tokens: int | None = None,
        vision_feature_select_strategy: str | None = None,
        vision_aspect_ratio: str = "anyres_max_9",
        chat_template: str | None = None,
    ) -> None:
        super().__init__(
            image_processor,
            tokenizer,
            num_image_tokens=num_image_tokens,
            vision_feature_select_strategy=vision_feature_select_strategy,
            vision_aspect_ratio=vision_aspect_ratio,
            chat_template=chat_template,
        )

    def __call__(self, images: Any = None, text: Any = None, **kwargs: Any) -> BatchFeature:
        """Several pictures in one prompt get one tile each, as in training; one alone gets its tiles."""
        return super().__call__(images=by_prompt(images, text, self.image_token), text=text, **kwargs)


def load_processor(kind: Any, source: str | Path, arguments: dict[str, Any], **hub: Any) -> Any:
    """Tokenizer, PIL image processor and chat template from a folder or a Hugging Face model id.

    Args:
        kind: one of the classes of this module.
        arguments: what else its constructor takes, from the model's configuration.
    """
    tokenizer = AutoTokenizer.from_pretrained(source, **hub)
    hub = {key: value for key, value in hub.items() if key != "trust_remote_code"}
    image_processor = kind.images.from_pretrained(source, **hub)
    # As in transformers: the tokenizer's may be of the text model, and know of no pictures.
    own = ProcessorMixin.get_processor_dict(source, **hub)[0].get("chat_template")
    template = tokenizer.chat_template if own is None else own
    return kind(image_processor, tokenizer, chat_template=template, **arguments)


def by_prompt(images: Sequence[Any] | None, text: Any, placeholder: str) -> Any:
    """A flat list of pictures as one list a prompt, by the placeholders in each; anything else as it is."""
    if not isinstance(images, list | tuple) or not all(isinstance(image, Image.Image) for image in images):
        return images
    texts = [text] if isinstance(text, str) else list(text)
    counts = [prompt.count(placeholder) for prompt in texts]
    if sum(counts) != len(images):
        # The parent's own check says what is wrong.
        return images
    rest = iter(images)
    return [[next(rest) for _ in range(count)] for count in counts]
