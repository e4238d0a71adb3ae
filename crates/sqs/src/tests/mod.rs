mod fake;
mod lane;
mod mock_aws;
mod through_intake;
