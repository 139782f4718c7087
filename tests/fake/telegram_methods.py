"""The methods of the Bot API that a gateway uses, as strict as the real one."""
import json
import re
import time

from fake.telegram_text import Refused, formatted, units

ACTIONS = {"typing", "upload_photo", "record_video", "upload_video",
           "record_voice", "upload_voice", "upload_document",
           "choose_sticker", "find_location"}
CAPTION_MAX, PHOTO_MAX, DOCUMENT_MAX = 1024, 10 << 20, 50 << 20
DOWNLOAD_MAX = 20 << 20
SEND = {"chat_id", "message_thread_id", "reply_parameters", "reply_markup",
        "disable_notification", "protect_content", "parse_mode"}
PARAMETERS = {
    "getMe": set(),
    "deleteWebhook": {"drop_pending_updates"},
    "setWebhook": {"url", "secret_token", "allowed_updates",
                   "drop_pending_updates", "max_connections"},
    "getWebhookInfo": set(),
    "setMyCommands": {"commands", "scope", "language_code"},
    "getUpdates": {"offset", "limit", "timeout", "allowed_updates"},
    "getFile": {"file_id"},
    "sendMessage": SEND | {"text", "link_preview_options", "entities"},
    "editMessageText": {"chat_id", "message_id", "text", "parse_mode",
                        "link_preview_options", "reply_markup"},
    "deleteMessage": {"chat_id", "message_id"},
    "sendChatAction": {"chat_id", "message_thread_id", "action"},
    "sendPhoto": SEND | {"photo", "caption"},
    "sendDocument": SEND | {"document", "caption"},
    "sendMediaGroup": SEND | {"media"},
    "answerCallbackQuery": {"callback_query_id", "text", "show_alert"},
}


class Upload:
    """A file of a multipart request."""

    def __init__(self, name, kind, data):
        self.name, self.kind, self.data = name, kind, data

    def __repr__(self):
        return f"Upload({self.name!r}, {self.kind!r}, {len(self.data)} bytes)"


def integer(params, key, default=None):
    value = params.get(key, default)
    if isinstance(value, str) and re.fullmatch(r"-?\d+", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, (int, type(None))):
        raise Refused(f'field "{key}" must be of type Integer')
    return value


def structure(params, key, kind):
    """An object or an array, which a multipart request has as text."""
    value = params.get(key)
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise Refused(f"can't parse {key} JSON object") from None
    if value is not None and not isinstance(value, kind):
        raise Refused(f'field "{key}" has a wrong type')
    return value


class Methods:
    """Mixed into the server, which has the chats, the files and the lock."""

    def do_getMe(self, params):
        return self.me

    def do_setMyCommands(self, params):
        commands = structure(params, "commands", list) or []
        if len(commands) > 100:
            raise Refused("too many commands")
        for one in commands:
            if not re.fullmatch(r"[a-z0-9_]{1,32}", one.get("command", "")):
                raise Refused("BOT_COMMAND_INVALID")
            if not 1 <= len(one.get("description", "")) <= 256:
                raise Refused("BOT_COMMAND_DESCRIPTION_INVALID")
        self.commands = commands
        return True

    def do_getFile(self, params):
        file = self.files.get(params.get("file_id"))
        if file is None:
            raise Refused("invalid file_id")
        if len(file.data) > DOWNLOAD_MAX:
            raise Refused("file is too big")
        return {"file_id": params["file_id"], "file_unique_id": "u",
                "file_size": len(file.data), "file_path": file.path}

    # ---- where a message goes

    def chat(self, params):
        chat_id = integer(params, "chat_id")
        if chat_id is None:
            raise Refused("chat_id is empty")
        if chat_id in self.migrated:
            raise Refused("group chat was upgraded to a supergroup chat",
                          migrate_to_chat_id=self.migrated[chat_id])
        if chat_id in self.blocked:
            raise Refused("bot was blocked by the user", 403)
        if chat_id not in self.chats:
            raise Refused("chat not found")
        return self.chats[chat_id]

    def topic(self, params, chat):
        thread = integer(params, "message_thread_id")
        if thread is not None and thread not in chat["threads"]:
            raise Refused("message thread not found")
        return thread

    def message(self, params, **content):
        """A message as sent: checked, kept, and as the API shows it."""
        chat = self.chat(params)
        thread = self.topic(params, chat)
        if thread == 1:  # of the General topic: only for chat actions
            raise Refused("message thread not found")
        message = {"message_id": self.next_message(chat), "from": self.me,
                   "chat": chat["shown"], "date": int(time.time()), **content}
        reply = structure(params, "reply_parameters", dict)
        if reply is not None:
            target = chat["messages"].get(reply.get("message_id"))
            if target is not None:
                message["reply_to_message"] = {"message_id":
                                               target["message_id"]}
            elif not reply.get("allow_sending_without_reply"):
                raise Refused("message to be replied not found")
        if thread is not None:
            message.update(message_thread_id=thread, is_topic_message=True)
        markup = structure(params, "reply_markup", dict)
        if markup is not None:
            self.check_markup(markup)
            message["reply_markup"] = markup
        self.limit_rate(chat)
        chat["messages"][message["message_id"]] = message
        self.sent.append(message)
        return message

    def check_markup(self, markup):
        for row in markup.get("inline_keyboard", []):
            for button in row:
                data = button.get("callback_data")
                if not button.get("text"):
                    raise Refused("inline keyboard button text is empty")
                if data is not None and not 1 <= len(data.encode()) <= 64:
                    raise Refused("BUTTON_DATA_INVALID")

    def limit_rate(self, chat):
        if not self.rates:
            return
        now, shown = time.monotonic(), chat["shown"]
        group = shown["type"] != "private"
        for key, most, seconds in (
                ("all", 30, 1.0), (shown["id"], 20 if group else 3,
                                   60.0 if group else 3.0)):
            times = self.times.setdefault(key, [])
            times[:] = [t for t in times if now - t < seconds]
            if len(times) >= most:
                wait = max(1, round(seconds - (now - times[0])))
                raise Refused(f"Too Many Requests: retry after {wait}", 429,
                              retry_after=wait)
            times.append(now)

    # ---- messages

    def do_sendMessage(self, params):
        text, entities = formatted(params)
        if not text:
            raise Refused("message text is empty")
        return self.message(params, text=text,
                            **({"entities": entities} if entities else {}))

    def do_editMessageText(self, params):
        chat = self.chat(params)
        message = chat["messages"].get(integer(params, "message_id"))
        if message is None:
            raise Refused("message to edit not found")
        if message["from"]["id"] != self.me["id"] or "text" not in message:
            raise Refused("message can't be edited")
        text, entities = formatted(params)
        if not text:
            raise Refused("message text is empty")
        markup = structure(params, "reply_markup", dict)
        if (text, entities, markup) == (
                message["text"], message.get("entities", []),
                message.get("reply_markup")):
            raise Refused(
                "message is not modified: specified new message content and "
                "reply markup are exactly the same as a current content and "
                "reply markup of the message")
        self.limit_rate(chat)
        message.update(text=text, entities=entities,
                       edit_date=int(time.time()))
        message.setdefault("texts", []).append(text)
        if markup is not None:
            message["reply_markup"] = markup
        return {k: v for k, v in message.items() if k != "texts"}

    def do_deleteMessage(self, params):
        chat = self.chat(params)
        if chat["messages"].pop(integer(params, "message_id"), None) is None:
            raise Refused("message to delete not found")
        return True

    def do_sendChatAction(self, params):
        chat = self.chat(params)
        self.topic(params, chat)
        if params.get("action") not in ACTIONS:
            raise Refused("wrong parameter action in request")
        return True

    def do_answerCallbackQuery(self, params):
        if params.get("callback_query_id") not in self.callbacks:
            raise Refused("query is too old and response timeout expired or "
                          "query ID is invalid")
        if units(params.get("text", "")) > 200:
            raise Refused("MESSAGE_TOO_LONG")
        self.callbacks.discard(params["callback_query_id"])
        return True

    # ---- files

    def upload(self, value, params, most):
        if isinstance(value, str) and value.startswith("attach://"):
            value = params.get(value[len("attach://"):])
        if not isinstance(value, Upload):
            raise Refused("there is no file in the request")
        if not value.data:
            raise Refused("file must be non-empty")
        if len(value.data) > most:
            raise Refused("Request Entity Too Large", 413)
        return value

    def media(self, kind, value, params, caption):
        text, entities = formatted(caption, "caption", CAPTION_MAX,
                                   "message caption")
        file = self.upload(value, params,
                           PHOTO_MAX if kind == "photo" else DOCUMENT_MAX)
        if kind == "photo" and not file.data.startswith(
                (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"RIFF")):
            raise Refused("IMAGE_PROCESS_FAILED")
        shown = {"file_id": self.add_file(file.data, file.name),
                 "file_size": len(file.data), "file_name": file.name}
        content = {kind: [shown] if kind == "photo" else shown}
        if text:
            content["caption"] = text
        if entities:
            content["caption_entities"] = entities
        return content

    def do_sendPhoto(self, params):
        return self.message(params, **self.media(
            "photo", params.get("photo"), params, params))

    def do_sendDocument(self, params):
        return self.message(params, **self.media(
            "document", params.get("document"), params, params))

    def do_sendMediaGroup(self, params):
        media = structure(params, "media", list) or []
        if not 2 <= len(media) <= 10:
            raise Refused("wrong number of media in an album")
        group = str(len(self.sent))
        contents = []
        for one in media:
            if one.get("type") not in ("photo", "document"):
                raise Refused("unsupported media type")
            contents.append(self.media(one["type"], one.get("media"), params,
                                       one))
        if len({one["type"] for one in media}) != 1:
            raise Refused("documents cannot be mixed with other media types")
        return [self.message(params, media_group_id=group, **content)
                for content in contents]
