//! AWS Config in one region.

use aws_event_cache_model::Region;
use aws_sdk_config::types::{DeliveryStatus, RecorderStatus};

use super::aws::{Aws, unseen};
use crate::facts::{RecorderFacts, Seen};

pub(super) async fn recorder(aws: &Aws, region: &Region) -> Seen<RecorderFacts> {
    let client = aws.recorders(region);
    let (recorders, channels, deliveries) = futures::join!(
        client.describe_configuration_recorder_status().send(),
        client.describe_delivery_channels().send(),
        client.describe_delivery_channel_status().send(),
    );
    let recorders = recorders.map_err(|e| unseen(&e, "config:DescribeConfigurationRecorderStatus"))?;
    let Some(recorder) = recorders.configuration_recorders_status().first() else {
        return Ok(RecorderFacts::default());
    };
    let channels = channels.map_err(|e| unseen(&e, "config:DescribeDeliveryChannels"))?;
    let failed = (recorder.last_status() == Some(&RecorderStatus::Failure))
        .then(|| reason(recorder.last_error_code(), recorder.last_error_message()));
    // Without the permission to see it, a delivery is taken for good: heartbeats tell more.
    let delivery = deliveries.ok().and_then(|deliveries| {
        let status = deliveries.delivery_channels_status().first()?.config_stream_delivery_info()?.clone();
        (status.last_status() == Some(&DeliveryStatus::Failure))
            .then(|| reason(status.last_error_code(), status.last_error_message()))
    });
    Ok(RecorderFacts {
        name: recorder.name().map(str::to_owned),
        recording: recorder.recording(),
        failure: failed,
        topic: channels.delivery_channels().first().and_then(|channel| channel.sns_topic_arn()).map(str::to_owned),
        delivery_failure: delivery,
    })
}

fn reason(code: Option<&str>, message: Option<&str>) -> String {
    format!("{} {}", code.unwrap_or_default(), message.unwrap_or_default()).trim().to_owned()
}
