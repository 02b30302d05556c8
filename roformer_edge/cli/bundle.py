"""``bundle``: show, verify, pack or unpack a bundle."""

from __future__ import annotations

import argparse
from pathlib import Path

from roformer_edge.cli.output import print_json, say_json
from roformer_edge.cli.progress import ProgressLine


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    show = actions.add_parser("show", help="what it is, as JSON")
    verify = actions.add_parser("verify", help="compare every file with its digest, and the engine with the self-test")
    for action in (show, verify):
        action.add_argument("bundle", type=Path, metavar="BUNDLE", help="a bundle's directory, .rfe or .tflite file")
    verify.add_argument("--digest", metavar="SHA256", help="what this command printed where the bundle was made")
    pack = actions.add_parser(
        "pack", help="directory in, one file out: a .rfe archive, or a .tflite model with the other files at its end"
    )
    pack.add_argument("bundle", type=Path, metavar="BUNDLE", help="a bundle's directory")
    unpack = actions.add_parser("unpack", help="archive in, directory out")
    unpack.add_argument("bundle", type=Path, metavar="ARCHIVE", help="a .rfe or .tflite file")
    for action in (pack, unpack):
        action.add_argument("out", type=Path, metavar="OUT", help="what to write")
        action.add_argument("--overwrite", action="store_true", help="replace what is there")


def run(args: argparse.Namespace) -> int:
    """Carry out the action and print its outcome as one JSON line."""
    with ProgressLine() as progress:
        progress.stage(args.action)
        return {"show": _show, "verify": _verify, "pack": _pack, "unpack": _unpack}[args.action](args)


def _show(args: argparse.Namespace) -> int:
    from roformer_edge.bundle.reader import open_bundle

    with open_bundle(args.bundle, verify=False) as bundle:
        say_json(bundle.manifest.to_json().rstrip())
    return 0


def _verify(args: argparse.Namespace) -> int:
    from roformer_edge.bundle.reader import open_bundle
    from roformer_edge.runtime.loading import load

    with open_bundle(args.bundle, digest=args.digest) as bundle:
        bundle.verify()
        manifest, digest = bundle.manifest, bundle.digest
    with load(args.bundle, digest=digest, self_test=True) as pipeline:
        provider = pipeline.provider
    print_json(
        {
            "bundle": str(args.bundle),
            "digest": digest,
            "files": len(manifest.files),
            "bytes": manifest.total_bytes,
            "self_test": provider,
        }
    )
    return 0


def _pack(args: argparse.Namespace) -> int:
    from roformer_edge.bundle.pack import pack_directory

    made = pack_directory(args.bundle, args.out, overwrite=args.overwrite)
    print_json({"archive": str(made), "bytes": made.stat().st_size})
    return 0


def _unpack(args: argparse.Namespace) -> int:
    from roformer_edge.bundle.pack import unpack

    print_json({"bundle": str(unpack(args.bundle, args.out, overwrite=args.overwrite))})
    return 0
