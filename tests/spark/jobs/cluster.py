"""A real Spark cluster on loopback: a master and workers as processes of their own."""

import contextlib
import ctypes
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[3]
MASTER = "org.apache.spark.deploy.master.Master"
SHORT_LIVED = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"  # a JVM that soon ends spends most of its time on compiling
WORKER = "org.apache.spark.deploy.worker.Worker"


def environment():
    """What the processes of a cluster need: this Python, this package, and names on loopback."""
    import pyspark

    return {
        **os.environ, "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_NO_DAEMONIZE": "1", "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable, "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}", "TZ": "UTC",
        "SPARK_HOME": str(Path(pyspark.__file__).parent),
    }


def free_port():
    with socket.socket() as some:
        some.bind(("127.0.0.1", 0))
        return some.getsockname()[1]


class Cluster:
    """A master and two workers of one core and 1 GB each; a worker that is killed can be replaced."""

    def __init__(self, home, workers=2):
        self.home = home
        home.mkdir(parents=True, exist_ok=True)
        self.environment = environment()
        self.url = f"spark://127.0.0.1:{(port := free_port())}"
        self._processes = [self._start(MASTER, "--host", "127.0.0.1", "--port", str(port), "--webui-port", "0")]
        self._wait_for("master", "New state: ALIVE")
        self.workers = []
        for _ in range(workers):
            self.add_worker()
        self._wait_for("master", "Registering worker", workers)

    def add_worker(self):
        worker = self._start(WORKER, "--host", "127.0.0.1", "--cores", "1", "--memory", "1G", "--webui-port", "0",
                             "--work-dir", str(self.home / "work"), self.url)
        self._processes.append(worker)
        self.workers.append(worker)

    def _start(self, program, *arguments):
        name = "master" if program == MASTER else f"worker{len(self._processes)}"
        command = [f"{self.environment['SPARK_HOME']}/bin/spark-class", program, *arguments]
        with open(self.home / f"{name}.log", "wb") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, env=self.environment, start_new_session=True,
                                    preexec_fn=_end_with_parent)  # noqa: PLW1509  # these tests start no threads that hold locks

    def _log(self, name):
        return (self.home / f"{name}.log").read_text(errors="replace")

    def _wait_for(self, name, text, count=1):
        until = time.monotonic() + 120
        while self._log(name).count(text) < count:
            assert time.monotonic() < until, self._log(name)[-2000:]
            time.sleep(0.1)

    def kill_worker(self):
        """Kill a worker and its executors, as a machine that loses power; another one takes its place."""
        worker = self.workers.pop(0)
        children = _children(worker.pid)
        _kill(worker)
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.add_worker()

    @contextlib.contextmanager
    def hanging_tasks(self):
        """Stop the Python processes of one worker's executors, and let them go on at the end."""
        stopped = [pid for pid in _children(self.workers[0].pid) if "pyspark" in _command(pid)]
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield stopped
        finally:
            for pid in stopped:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def driver(self, cores=2, **options):
        """Start a process that drives jobs on so many cores of this cluster, which it holds until it is killed."""
        return Driver(self, cores, options)

    def stop(self):
        for process in reversed(self._processes):
            _kill(process)


class Driver:
    """A process with a Spark session: it takes one job after the other, and can be killed at any moment."""

    def __init__(self, cluster, cores, more):
        options = settings(cluster.home) | {"spark.cores.max": str(cores)} | more
        command = [sys.executable, "-m", "tests.spark.jobs.driver", cluster.url, json.dumps(options)]
        with open(cluster.home / "driver.log", "ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                                             env=cluster.environment | {"XFRAMES_JOURNALS": str(cluster.home / "journals")},
                                             cwd=ROOT, start_new_session=True, preexec_fn=_end_with_parent)  # noqa: PLW1509  # these tests start no threads that hold locks

    def start(self, job, *args, **options):
        """Start a job; its arguments are plain JSON."""
        self._process.stdin.write(json.dumps([job, args, options]) + "\n")
        self._process.stdin.flush()

    def answer(self):
        """Wait for the job: its result, or the name of the class of its error."""
        line = self._process.stdout.readline()
        assert line, "the driver has ended; see driver.log"
        return json.loads(line)

    def __call__(self, job, *args, **options):
        self.start(job, *args, **options)
        return self.answer()

    def kill(self):
        """End it as a machine that loses power, with the JVM and what it started."""
        _kill(self._process)
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.stdout.close()


def settings(home):
    """The settings of sessions: small, on loopback, with Python workers like this process."""
    aws = {f"spark.executorEnv.{name}": value for name, value in os.environ.items() if name.startswith("AWS_")}
    return aws | {
        "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1", "spark.ui.enabled": "false",
        "spark.executor.memory": "512m", "spark.driver.memory": "512m", "spark.executor.cores": "1",
        "spark.sql.session.timeZone": "UTC", "spark.sql.warehouse.dir": str(home / "warehouse"),
        "spark.executorEnv.PYTHONPATH": str(ROOT), "spark.executorEnv.TZ": "UTC",
        "spark.sql.execution.pyspark.udf.simplifiedTraceback.enabled": "false", "spark.python.worker.reuse": "true",
        "spark.scheduler.minRegisteredResourcesRatio": "1.0", "spark.ui.showConsoleProgress": "false",
        "spark.driver.extraJavaOptions": f"-Dlog4j2.level=error {SHORT_LIVED}", "spark.executor.extraJavaOptions": SHORT_LIVED,
        "spark.sql.adaptive.enabled": "false", "spark.shuffle.service.enabled": "false",
    }


def _end_with_parent():
    """Let Linux end this process when the tests end, however they end."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def _kill(process):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _command(pid):
    """The command of a process, without the JVMs, whose long command names everything."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""
    return "" if "java" in command.partition("\0")[0] else command


def _children(pid):
    """The processes below one, as /proc shows them."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                found = re.search(r"^PPid:\s+(\d+)", (entry / "status").read_text(), re.MULTILINE)
                parents[int(entry.name)] = int(found[1])
    below, wanted = [], [pid]
    while wanted:
        above = wanted.pop()
        some = [child for child, parent in parents.items() if parent == above]
        below += some
        wanted += some
    return below
