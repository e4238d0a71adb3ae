package io.awseventcache.bridge.gate;

import java.nio.charset.StandardCharsets;

/** What SNS is answered. */
final class Reply {

  static final String TEXT = "text/plain;charset=UTF-8";

  final int status;
  final String type;
  final byte[] body;

  Reply(int status, String type, byte[] body) {
    this.status = status;
    this.type = type;
    this.body = body;
  }

  static Reply text(int status, String text) {
    return new Reply(status, TEXT, text.getBytes(StandardCharsets.UTF_8));
  }
}
