"""TFLite networks as ONNX, for engines that read nothing else: the two default face models run on a GPU through it.

Small on purpose: float networks made of the operations that those models use. What it cannot convert it names.
"""

from fastswap.tflite.convert import to_onnx

__all__ = ["to_onnx"]
