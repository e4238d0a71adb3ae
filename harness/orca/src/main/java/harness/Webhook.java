package harness;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.List;
import java.util.Map;

/** One entry of `webhook.preconfigured`, with Orca's names, types and defaults. */
@JsonInclude(JsonInclude.Include.NON_NULL)
public class Webhook {
  /** What describes the stage and is not put into it. */
  static final List<String> NOT_IN_THE_STAGE = List.of("enabled", "label", "description", "type", "parameters");

  private boolean enabled = true;
  private String label;
  private String description;
  private String type;
  private List<Map<String, String>> parameters;
  private String method;
  private String url;
  private Map<String, List<String>> customHeaders;
  private String payload;
  private Boolean waitForCompletion;
  private String statusUrlResolution;
  private String statusUrlJsonPath;
  private String statusJsonPath;
  private String progressJsonPath;
  private String successStatuses;
  private String canceledStatuses;
  private String terminalStatuses;
  private List<Integer> failFastStatusCodes;

  public boolean isEnabled() { return enabled; }
  public void setEnabled(boolean enabled) { this.enabled = enabled; }
  public String getLabel() { return label; }
  public void setLabel(String label) { this.label = label; }
  public String getDescription() { return description; }
  public void setDescription(String description) { this.description = description; }
  public String getType() { return type; }
  public void setType(String type) { this.type = type; }
  public List<Map<String, String>> getParameters() { return parameters; }
  public void setParameters(List<Map<String, String>> parameters) { this.parameters = parameters; }
  public String getMethod() { return method; }
  public void setMethod(String method) { this.method = method; }
  public String getUrl() { return url; }
  public void setUrl(String url) { this.url = url; }
  public Map<String, List<String>> getCustomHeaders() { return customHeaders; }
  public void setCustomHeaders(Map<String, List<String>> customHeaders) { this.customHeaders = customHeaders; }
  public String getPayload() { return payload; }
  public void setPayload(String payload) { this.payload = payload; }
  public Boolean getWaitForCompletion() { return waitForCompletion; }
  public void setWaitForCompletion(Boolean waitForCompletion) { this.waitForCompletion = waitForCompletion; }
  public String getStatusUrlResolution() { return statusUrlResolution; }
  public void setStatusUrlResolution(String statusUrlResolution) { this.statusUrlResolution = statusUrlResolution; }
  public String getStatusUrlJsonPath() { return statusUrlJsonPath; }
  public void setStatusUrlJsonPath(String statusUrlJsonPath) { this.statusUrlJsonPath = statusUrlJsonPath; }
  public String getStatusJsonPath() { return statusJsonPath; }
  public void setStatusJsonPath(String statusJsonPath) { this.statusJsonPath = statusJsonPath; }
  public String getProgressJsonPath() { return progressJsonPath; }
  public void setProgressJsonPath(String progressJsonPath) { this.progressJsonPath = progressJsonPath; }
  public String getSuccessStatuses() { return successStatuses; }
  public void setSuccessStatuses(String successStatuses) { this.successStatuses = successStatuses; }
  public String getCanceledStatuses() { return canceledStatuses; }
  public void setCanceledStatuses(String canceledStatuses) { this.canceledStatuses = canceledStatuses; }
  public String getTerminalStatuses() { return terminalStatuses; }
  public void setTerminalStatuses(String terminalStatuses) { this.terminalStatuses = terminalStatuses; }
  public List<Integer> getFailFastStatusCodes() { return failFastStatusCodes; }
  public void setFailFastStatusCodes(List<Integer> failFastStatusCodes) { this.failFastStatusCodes = failFastStatusCodes; }
}
