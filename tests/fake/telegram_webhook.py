"""The side of the Bot API that sends updates to a webhook."""
import http.client
import json
import threading
import time
from urllib.parse import urlsplit

AGAIN_S = 0.1  # the real server waits longer each time


class Webhook:
    """Mixed into the server, which has the updates and the lock."""

    def start_webhook(self):
        self.webhook, self.webhook_secret = "", None
        self.webhook_error = {}
        self.deliveries = []  # (update id, status or None)
        self.delivering = threading.Thread(target=self.deliver, daemon=True)
        self.delivering.start()

    def do_deleteWebhook(self, params):
        self.webhook, self.webhook_error = "", {}
        if params.get("drop_pending_updates") in (True, "true"):
            self.pending.clear()
        return True

    def do_setWebhook(self, params):
        self.webhook = params.get("url", "")
        self.webhook_secret = params.get("secret_token")
        self.webhook_error = {}
        return True

    def do_getWebhookInfo(self, params):
        return {"url": self.webhook, "has_custom_certificate": False,
                "pending_update_count": len(self.pending),
                **self.webhook_error}

    def deliver(self):
        while not self.stopping.is_set():
            with self.changed:
                if not self.webhook or not self.pending:
                    self.changed.wait(0.1)
                    continue
                url, update = self.webhook, self.pending[0]
            status = self.post_update(url, update)
            with self.changed:
                self.deliveries.append((update["update_id"], status))
                if status == 200:
                    self.pending = [u for u in self.pending
                                    if u is not update]
                else:
                    self.webhook_error = {
                        "last_error_date": int(time.time()),
                        "last_error_message": "Wrong response from the "
                        f"webhook: {status}"}
                self.changed.notify_all()
            if status != 200:
                self.stopping.wait(AGAIN_S)

    def post_update(self, url, update):
        """The status, or None when no answer came."""
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(
            parts.hostname, parts.port, timeout=30)
        headers = {"Content-Type": "application/json"}
        if self.webhook_secret:
            headers["X-Telegram-Bot-Api-Secret-Token"] = self.webhook_secret
        try:
            connection.request("POST", parts.path, json.dumps(update),
                               headers)
            response = connection.getresponse()
            response.read()
            return response.status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
