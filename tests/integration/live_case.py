"""What the tests of live video have in common.

The program is the first argument of whoever imports this.
"""
import contextlib
import datetime
import json
import os
import signal
import subprocess

from case import PROGRAM, Case
from servers import free_port, wait_for


class LiveCase(Case):
    def setUp(self):
        super().setUp()
        # Cleanups run before the folder is removed, last comes first.
        self.servers = contextlib.ExitStack()
        self.addCleanup(self.servers.close)
        self.addCleanup(self.show_logs)

    def show_logs(self):
        # What unittest knows by now; there is no public way to ask.
        if not self._outcome.success:
            for log in sorted(self.folder.glob("*.log")):
                print(f"--- {log.name}\n{log.read_text(errors='replace')}")

    def serve(self, server):
        return self.servers.enter_context(server)

    def start(self, source, *arguments):
        """The running program; killed in the end if it still runs."""
        running = subprocess.Popen(
            [PROGRAM, "live", *map(str, (source, *arguments)), "--json"],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, "OCELLI_DATA": str(self.data)})

        def end():
            running.kill()
            running.wait()
            running.stdout.close()
            running.stderr.close()
        self.addCleanup(end)
        return running

    def interrupt(self, running):
        """Ctrl-C, and the summary."""
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
        self.assertEqual(running.returncode, 130, err)
        return json.loads(out.splitlines()[-1]), err

    def follow(self, *sources_and_options):
        """Starts an analysis; the process, and a wait for a line like that."""
        path = self.folder / f"faces-{free_port()}.jsonl"
        running = self.start(*sources_and_options, "--analyze", path)

        def lines():
            if not path.exists():
                return []
            whole = path.read_text().rpartition("\n")[0]
            return [json.loads(line) for line in whole.splitlines()]

        def wait(like, what):
            def there():
                ended = running.poll() is not None
                if any(map(like, lines())):
                    return True
                self.assertFalse(ended, f"ended before {what}")
                return False
            wait_for(there, what, 60)
        return running, lines, wait

    @staticmethod
    def after(moment):
        """A condition on lines: of frames that came later."""
        return lambda line: datetime.datetime.fromisoformat(
            line["wall_time"].replace("Z", "+00:00")) > moment

    @staticmethod
    def now():
        return datetime.datetime.now(datetime.timezone.utc)
